"""The Predict page: answers of a trained model, and taking it along."""
