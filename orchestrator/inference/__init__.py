"""The paid path: from a Request to a Reply, priced, capped, paced, retried and kept."""
