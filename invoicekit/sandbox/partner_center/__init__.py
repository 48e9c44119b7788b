"""Partner Center as the sandbox speaks it: v1 JSON, pages, tokens, documents."""
