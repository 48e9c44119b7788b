"""Partner Center v1: requests, envelopes, paging, documents, and its words."""
