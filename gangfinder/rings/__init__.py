"""From links to candidate groups, and from findings to rings."""
