"""The parts of scripts/aws-acceptance."""
