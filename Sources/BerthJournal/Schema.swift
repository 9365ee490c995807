import GRDB

/// The tables. A change is a new migration; an old one is never edited.
enum Schema {
    /// "Brth" in ASCII: tells file(1) and us whose database this is.
    static let applicationID: Int32 = 0x4272_7468
    static let version = 3

    /// Refuses other programs' databases and those of a newer Berth, before anything is written.
    static func checkHeader(of database: Database) throws {
        let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master") ?? 0
        if tables == 0 {
            try database.execute(sql: "PRAGMA page_size = 8192; PRAGMA application_id = \(applicationID)")
        } else {
            try checkJournal(database)
        }
    }

    /// Refuses what is no journal, or a newer Berth's.
    static func checkJournal(_ database: Database) throws {
        let id = try Int32.fetchOne(database, sql: "PRAGMA application_id") ?? 0
        let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        guard id == applicationID else {
            throw JournalError("The database is another program's. Name another state directory.")
        }
        guard version <= Self.version else {
            throw JournalError(
                "The journal is of a newer Berth (schema \(version); this one knows \(Self.version)). Install that version."
            )
        }
    }

    static func migrate(_ pool: DatabasePool) throws {
        try pool.write { database in
            let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
            if version < 1 { try database.execute(sql: tables + views) }
            if version < 2 { try database.execute(sql: gangTables + gangViews) }
            if version < 3 { try database.execute(sql: holdColumn) }
            try database.execute(sql: "PRAGMA user_version = \(Self.version)")
        }
    }

    /// An in-memory copy of the projections' tables, for checking them against the events.
    static func empty() throws -> DatabaseQueue {
        let queue = try DatabaseQueue()
        try queue.write { try $0.execute(sql: tables + gangTables + holdColumn) }
        return queue
    }

    private static let tables = """
        CREATE TABLE event (
          seq INTEGER PRIMARY KEY, time_us INTEGER NOT NULL, kind TEXT NOT NULL, job_id INTEGER,
          body TEXT NOT NULL, leaf BLOB NOT NULL, hash BLOB NOT NULL) STRICT;
        CREATE INDEX event_job ON event (job_id, seq) WHERE job_id IS NOT NULL;
        CREATE TRIGGER event_is_not_changed BEFORE UPDATE ON event
          BEGIN SELECT raise(ABORT, 'the journal is append-only'); END;
        CREATE TRIGGER event_is_not_removed BEFORE DELETE ON event
          BEGIN SELECT raise(ABORT, 'the journal is append-only'); END;
        CREATE TABLE snapshot (seq INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
        CREATE TABLE attachment (digest TEXT PRIMARY KEY, kind TEXT NOT NULL, body BLOB NOT NULL) STRICT;

        CREATE TABLE submission (
          user TEXT NOT NULL, key TEXT NOT NULL, content_digest TEXT NOT NULL, jobs TEXT NOT NULL,
          PRIMARY KEY (user, key)) STRICT, WITHOUT ROWID;
        CREATE TABLE job (
          id INTEGER PRIMARY KEY, event_seq INTEGER NOT NULL, name TEXT NOT NULL, user TEXT NOT NULL, project TEXT,
          queue TEXT NOT NULL, command TEXT NOT NULL, working_directory TEXT NOT NULL, is_array INTEGER NOT NULL,
          code_repository TEXT, code_commit TEXT, code_dirty INTEGER,
          submitted_us INTEGER NOT NULL, started_us INTEGER, ended_us INTEGER,
          held INTEGER NOT NULL, total INTEGER NOT NULL, starting INTEGER NOT NULL DEFAULT 0,
          running INTEGER NOT NULL DEFAULT 0, stopping INTEGER NOT NULL DEFAULT 0,
          succeeded INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,
          cancelled INTEGER NOT NULL DEFAULT 0, timed_out INTEGER NOT NULL DEFAULT 0,
          reason TEXT, exit_code INTEGER, signal INTEGER, message TEXT, outcome_rank INTEGER NOT NULL DEFAULT 0,
          state TEXT NOT NULL GENERATED ALWAYS AS (CASE
            WHEN running > 0 THEN 'running' WHEN starting > 0 THEN 'starting' WHEN stopping > 0 THEN 'stopping'
            WHEN succeeded + failed + cancelled + timed_out < total THEN iif(held, 'held', 'pending')
            WHEN failed > 0 THEN 'failed' WHEN timed_out > 0 THEN 'timedOut'
            WHEN cancelled > 0 THEN 'cancelled' ELSE 'succeeded' END) STORED) STRICT;
        CREATE INDEX job_state ON job (state, id);
        CREATE INDEX job_user ON job (user, submitted_us);
        CREATE INDEX job_project ON job (project, submitted_us) WHERE project IS NOT NULL;
        CREATE INDEX job_commit ON job (code_commit) WHERE code_commit IS NOT NULL;
        CREATE TABLE label (
          job_id INTEGER NOT NULL REFERENCES job, key TEXT NOT NULL, value TEXT NOT NULL,
          PRIMARY KEY (job_id, key)) STRICT, WITHOUT ROWID;
        CREATE INDEX label_value ON label (key, value);
        CREATE TABLE variable (
          job_id INTEGER NOT NULL REFERENCES job, name TEXT NOT NULL, value TEXT, secret_digest TEXT,
          PRIMARY KEY (job_id, name)) STRICT, WITHOUT ROWID;
        CREATE TABLE dependency (
          job_id INTEGER NOT NULL REFERENCES job, on_job INTEGER NOT NULL, condition TEXT NOT NULL,
          PRIMARY KEY (job_id, on_job, condition)) STRICT, WITHOUT ROWID;
        CREATE INDEX dependency_on ON dependency (on_job);

        CREATE TABLE task (
          job_id INTEGER NOT NULL REFERENCES job, task INTEGER NOT NULL, state TEXT NOT NULL,
          attempts INTEGER NOT NULL, reason TEXT, exit_code INTEGER, signal INTEGER, message TEXT, ended_us INTEGER,
          PRIMARY KEY (job_id, task)) STRICT, WITHOUT ROWID;
        CREATE TABLE task_range (
          job_id INTEGER NOT NULL REFERENCES job, tasks TEXT NOT NULL, state TEXT NOT NULL, reason TEXT, message TEXT,
          ended_us INTEGER NOT NULL, by TEXT NOT NULL) STRICT;
        CREATE INDEX task_range_job ON task_range (job_id);

        CREATE TABLE node (
          name TEXT PRIMARY KEY, state TEXT NOT NULL, drain TEXT, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL)
          STRICT, WITHOUT ROWID;
        CREATE TABLE node_stack (
          id INTEGER PRIMARY KEY, node TEXT NOT NULL REFERENCES node, from_us INTEGER NOT NULL, to_us INTEGER,
          topology_digest TEXT NOT NULL, kernel TEXT, operating_system TEXT, drivers TEXT NOT NULL,
          agent_version TEXT NOT NULL, cores INTEGER NOT NULL, memory_bytes INTEGER, stack TEXT NOT NULL) STRICT;
        CREATE INDEX node_stack_node ON node_stack (node, from_us);

        CREATE TABLE attempt (
          id INTEGER PRIMARY KEY, job_id INTEGER NOT NULL REFERENCES job, task INTEGER NOT NULL,
          number INTEGER NOT NULL, fence INTEGER NOT NULL UNIQUE, node TEXT NOT NULL, stack_id INTEGER,
          state TEXT NOT NULL, planned_us INTEGER NOT NULL, started_us INTEGER, ended_us INTEGER,
          cause TEXT, exit_code INTEGER, signal INTEGER, message TEXT, stop_reason TEXT,
          cpuset TEXT NOT NULL, cores INTEGER NOT NULL, memory_bytes INTEGER NOT NULL,
          bound_cpuset TEXT, bound_numa TEXT, process_id INTEGER,
          user_cpu_us INTEGER, system_cpu_us INTEGER, peak_memory_bytes INTEGER, read_bytes INTEGER,
          written_bytes INTEGER, attempt TEXT NOT NULL, launch TEXT, end TEXT, decision TEXT NOT NULL, report TEXT,
          UNIQUE (job_id, task, number)) STRICT;
        CREATE INDEX attempt_node ON attempt (node, started_us);
        CREATE INDEX attempt_cause ON attempt (cause) WHERE cause <> 'exit';
        CREATE TABLE attempt_device (
          attempt_id INTEGER NOT NULL REFERENCES attempt, node TEXT NOT NULL, device TEXT NOT NULL, kind TEXT NOT NULL,
          share REAL NOT NULL, PRIMARY KEY (attempt_id, device)) STRICT, WITHOUT ROWID;
        CREATE INDEX attempt_device_use ON attempt_device (node, device, attempt_id);
        CREATE TABLE artifact (id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, bytes INTEGER) STRICT;
        CREATE TABLE link (
          attempt_id INTEGER NOT NULL REFERENCES attempt, direction TEXT NOT NULL, path TEXT NOT NULL,
          artifact_id INTEGER REFERENCES artifact, problem TEXT, at_us INTEGER NOT NULL,
          PRIMARY KEY (attempt_id, direction, path)) STRICT, WITHOUT ROWID;
        CREATE INDEX link_artifact ON link (artifact_id, direction, attempt_id) WHERE artifact_id IS NOT NULL;
        CREATE TABLE report (
          attempt_id INTEGER NOT NULL REFERENCES attempt, time_us INTEGER NOT NULL, progress REAL, note TEXT,
          checkpoint TEXT) STRICT;
        CREATE INDEX report_attempt ON report (attempt_id, time_us);
        CREATE TABLE metric (
          attempt_id INTEGER NOT NULL REFERENCES attempt, time_us INTEGER NOT NULL, name TEXT NOT NULL,
          value REAL NOT NULL) STRICT;
        CREATE INDEX metric_attempt ON metric (attempt_id, name, time_us);

        """

    /// Version 3: why Berth holds a job by itself, a sentence; NULL where it does not.
    private static let holdColumn = "ALTER TABLE job ADD COLUMN hold TEXT;\n"

    /// Version 2: what the members of gangs are given and how they end; an attempt's devices are its members'.
    private static let gangTables = """
        CREATE TABLE attempt_member (
          attempt_id INTEGER NOT NULL REFERENCES attempt, rank INTEGER NOT NULL, node TEXT NOT NULL,
          cpuset TEXT NOT NULL, cores INTEGER NOT NULL, memory_bytes INTEGER NOT NULL, started_us INTEGER,
          ended_us INTEGER, cause TEXT, exit_code INTEGER, signal INTEGER, message TEXT, launch TEXT, end TEXT,
          PRIMARY KEY (attempt_id, rank)) STRICT, WITHOUT ROWID;
        CREATE INDEX attempt_member_node ON attempt_member (node, attempt_id);
        CREATE TABLE member_device (
          attempt_id INTEGER NOT NULL REFERENCES attempt, node TEXT NOT NULL, device TEXT NOT NULL, kind TEXT NOT NULL,
          share REAL NOT NULL, PRIMARY KEY (attempt_id, node, device)) STRICT, WITHOUT ROWID;
        INSERT INTO member_device SELECT attempt_id, node, device, kind, share FROM attempt_device;
        DROP VIEW IF EXISTS v_device_use;
        DROP TABLE attempt_device;
        ALTER TABLE member_device RENAME TO attempt_device;
        CREATE INDEX attempt_device_use ON attempt_device (node, device, attempt_id);

        """
}
