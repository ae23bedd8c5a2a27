"""What the database page asks PostgreSQL 15 and newer; all of it readable without superuser."""

from typing import Any

from django.db import connection


def rows(sql: str) -> list[dict[str, Any]]:
    """Ask one statement; give its rows by the names of its columns."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


# The statistics of a database that were never reset began with those of the server.
SERVER = """
SELECT split_part(current_setting('server_version'), ' ', 1) AS version,
    pg_database_size(current_database()) AS bytes,
    current_setting('max_connections')::int AS max_connections,
    d.deadlocks, d.temp_bytes,
    coalesce(d.stats_reset, w.stats_reset) AS since,
    extract(epoch FROM now() - coalesce(d.stats_reset, w.stats_reset, now()))::float / 86400
        AS days,
    EXISTS (SELECT FROM pg_settings WHERE name = 'pg_stat_statements.max') AS keeps_statements,
    (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
     WHERE e.extname = 'pg_stat_statements') AS statements_schema
FROM pg_stat_database d, pg_stat_bgwriter w
WHERE d.datname = current_database()"""

TABLES = """
SELECT s.relname AS name,
    pg_total_relation_size(s.relid) AS bytes,
    pg_indexes_size(s.relid) AS index_bytes,
    s.n_live_tup AS rows, s.n_dead_tup AS dead, s.n_tup_ins - s.n_tup_del AS added,
    coalesce(io.heap_blks_hit, 0) AS hits, coalesce(io.heap_blks_read, 0) AS reads,
    coalesce(io.idx_blks_hit, 0) AS index_hits, coalesce(io.idx_blks_read, 0) AS index_reads,
    greatest(s.last_vacuum, s.last_autovacuum) AS vacuumed_at
FROM pg_stat_user_tables s JOIN pg_statio_user_tables io USING (relid)
ORDER BY 2 DESC, 1 LIMIT 60"""

# Bloat is estimated, for b-trees, by the method of ioguix's pgsql-bloat-estimation: the pages that
# the rows would need by their average width in pg_stats, at the index's fill factor, against the
# pages there are. It needs ANALYZE to have run, and says too little where values repeat.
INDEXES = """
WITH widths AS (
    SELECT i.indexrelid, sum((1 - s.null_frac) * s.avg_width) AS data,
        CASE WHEN max(s.null_frac) = 0 THEN 8 ELSE 16 END AS header,
        count(*) AS known
    FROM pg_index i
    JOIN pg_class t ON t.oid = i.indrelid
    JOIN pg_class ic ON ic.oid = i.indexrelid
    JOIN pg_namespace n ON n.oid = t.relnamespace AND n.nspname !~ '^pg_|^information_schema$'
    CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
    JOIN pg_attribute a ON a.attnum = CASE WHEN k.attnum = 0 THEN k.place ELSE k.attnum END
        AND a.attrelid = CASE WHEN k.attnum = 0 THEN i.indexrelid ELSE i.indrelid END
    JOIN pg_stats s ON s.schemaname = n.nspname AND s.attname = a.attname
        AND s.tablename = CASE WHEN k.attnum = 0 THEN ic.relname ELSE t.relname END
    GROUP BY i.indexrelid
), sizes AS (
    SELECT ic.oid, ic.relpages, ic.reltuples, i.indnatts = w.known AS is_known,
        current_setting('block_size')::int AS page,
        coalesce(substring(array_to_string(ic.reloptions, ' ') FROM 'fillfactor=([0-9]+)')::int, 90)
            AS fillfactor,
        4 + w.header + ceil(w.data / 8) * 8 AS tuple
    FROM widths w JOIN pg_class ic ON ic.oid = w.indexrelid
    JOIN pg_index i ON i.indexrelid = ic.oid
    JOIN pg_am am ON am.oid = ic.relam AND am.amname = 'btree'
)
SELECT s.relname AS "table", s.indexrelname AS name,
    i.indisunique OR i.indisexclusion AS keeps_rule,
    s.idx_scan AS scans, t.n_tup_ins + t.n_tup_upd + t.n_tup_del AS writes,
    pg_relation_size(s.indexrelid) AS bytes,
    CASE WHEN z.is_known AND z.reltuples > 0 THEN greatest(0, z.page * (z.relpages - 1 -
        ceil(z.reltuples / floor((z.page - 40) * z.fillfactor / (100 * z.tuple)))))::bigint
    END AS bloat_bytes
FROM pg_stat_user_indexes s
JOIN pg_index i USING (indexrelid)
JOIN pg_stat_user_tables t ON t.relid = s.relid
LEFT JOIN sizes z ON z.oid = s.indexrelid
ORDER BY s.indexrelname"""

# Of another account's session, an ordinary one sees the database and nothing else.
CONNECTIONS = """
SELECT state, count(*) AS number,
    max(extract(epoch FROM clock_timestamp() - state_change))::int AS longest_s
FROM pg_stat_activity
WHERE backend_type = 'client backend' OR (backend_type IS NULL AND datid IS NOT NULL)
GROUP BY 1 ORDER BY 2 DESC"""

WAITS = """
SELECT w.pid AS waits, h.pid AS holds, l.locktype AS kind, l.mode,
    coalesce(l.relation::regclass::text, '') AS relation,
    extract(epoch FROM clock_timestamp() - coalesce(l.waitstart, w.query_start))::float AS waited_s,
    extract(epoch FROM clock_timestamp() - b.xact_start)::float AS held_s,
    w.query AS waits_with, b.query AS holds_with, coalesce(b.state, '') AS state
FROM pg_stat_activity w
CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS h (pid)
JOIN pg_locks l ON l.pid = w.pid AND NOT l.granted
LEFT JOIN pg_stat_activity b ON b.pid = h.pid
WHERE w.wait_event_type = 'Lock' AND w.datname = current_database()
ORDER BY waited_s DESC LIMIT 50"""

STATEMENTS = """
SELECT query, calls, rows, total_exec_time AS total_ms, mean_exec_time AS mean_ms,
    max_exec_time AS max_ms, shared_blks_hit AS hits, shared_blks_read AS reads
FROM {view}
WHERE query <> '<insufficient privilege>'
  AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY mean_exec_time DESC LIMIT 15"""
