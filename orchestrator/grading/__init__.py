"""Grading: from the words of a reply to letters, from letters to scores; pure but for `extract` and `measure`."""
