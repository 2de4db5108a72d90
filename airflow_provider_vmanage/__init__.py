"""Apache Airflow provider for the software repository of Cisco vManage (Catalyst SD-WAN Manager)."""

__version__ = "0.1.0"
