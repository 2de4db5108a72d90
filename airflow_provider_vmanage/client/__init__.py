"""Client of the manager's REST API. Nothing in this package imports Airflow."""
