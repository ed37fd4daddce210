"""Grading: from the words of a reply to letters, from letters to scores; pure but for the judge."""
