"""Queued jobs, worker processes and who starts them; the handler of every kind of job."""
