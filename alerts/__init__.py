"""From anomalies to people: who is told what, until somebody has acted."""
