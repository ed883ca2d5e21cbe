"""Imports models of other tools: recognized by content, without running their code."""
