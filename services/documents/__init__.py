"""Printable drafts: a case turned into plain words once (papers.py), then set as PDF (pdf.py) or HTML (html.py)."""
