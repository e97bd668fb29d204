"""The terminal app: chat, pad and scores over one model, and a training as it runs."""
