"""One self-contained HTML page of a scale: verdicts, tables, figures, samples, and where every number comes from.

The page draws what tables, curves and verdicts have computed, and computes no statistic of its own. Vega draws its
figures and DataTables its tables; both scripts are embedded, so the page needs no network.
"""
