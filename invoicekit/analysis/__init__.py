"""Frame in, frame out; pure; on any engine."""
