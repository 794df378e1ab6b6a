"""What an unattended run needs around the stages: checkpoints, limits, a scratch folder, and no work done twice."""
