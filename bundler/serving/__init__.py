"""Prepares, starts and finds servers, and gives running ones further models."""
