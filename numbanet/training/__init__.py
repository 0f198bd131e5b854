"""Training: the step, the loop around it, what it measures and whom it tells. Nothing here prints."""
