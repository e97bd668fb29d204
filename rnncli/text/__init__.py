"""From files to ids and back. No torch."""
