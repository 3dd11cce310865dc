"""Training, fine-tuning and prediction."""
