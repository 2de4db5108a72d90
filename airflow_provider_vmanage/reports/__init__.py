"""Text for people: tables, pages for the person who approves a plan, and pages about what was done."""
