"""What is kept beside the journals: records of browsers, and reports."""
