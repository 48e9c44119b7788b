"""Line items under false names."""
