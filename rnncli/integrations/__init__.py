"""The model inside other programs. Each module here imports its host, and nothing else imports these modules."""
