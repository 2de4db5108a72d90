"""Commands for people: ``airflow vmanage …`` and ``python -m airflow_provider_vmanage …``. They change nothing."""
