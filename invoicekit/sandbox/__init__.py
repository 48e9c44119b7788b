"""The demo partner: a generator and a loopback server; knows nothing of frames."""
