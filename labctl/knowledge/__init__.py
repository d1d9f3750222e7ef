"""What all scenarios teach together, and the way from an error to its causes. Pure: nothing here runs a lab."""
