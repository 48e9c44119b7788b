"""Sign-in: tokens for each audience, and what a sign-in may do."""
