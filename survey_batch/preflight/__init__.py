"""What is worked out, and refused, before any work: phases, provenance, estimates."""
