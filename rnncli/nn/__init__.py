"""The network in PyTorch: cells, model, likelihood, and the way between its parameters and the stored arrays."""
