"""Apache Airflow provider for Cisco vManage (Catalyst SD-WAN Manager): software repository and device upgrades."""

__version__ = "0.1.0"
