"""Files that people have: what the portal gives as CSV, and blobs of Graph's exports."""
