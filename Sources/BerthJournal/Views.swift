extension Schema {
    /// The public face for SQL: documented in `docs/provenance.md`, stable within a major version.
    static let views = """
        CREATE VIEW v_job AS SELECT id, name, state, user, project, queue, reason, exit_code, signal, message, command,
          working_directory, code_repository, code_commit, code_dirty, is_array, total AS tasks, succeeded, failed,
          cancelled, timed_out, \(iso("submitted_us")) AS submitted, \(iso("started_us")) AS started,
          \(iso("ended_us")) AS ended, (started_us - submitted_us) / 1e6 AS waited_seconds,
          (ended_us - started_us) / 1e6 AS ran_seconds FROM job;
        CREATE VIEW v_attempt AS SELECT a.id AS attempt_id, a.job_id,
          a.job_id || iif(j.is_array, '.' || a.task, '') || '@' || a.number AS attempt, j.name, j.user, j.project,
          a.number, a.state, a.cause, a.exit_code, a.signal, a.message, a.stop_reason, a.node, a.cores, a.cpuset,
          a.bound_cpuset, a.bound_numa, a.memory_bytes, \(iso("a.planned_us")) AS planned,
          \(iso("a.started_us")) AS started, \(iso("a.ended_us")) AS ended,
          (a.ended_us - a.started_us) / 1e6 AS ran_seconds,
          (a.user_cpu_us + a.system_cpu_us) / 1e6 AS cpu_seconds, a.peak_memory_bytes, a.read_bytes, a.written_bytes,
          s.kernel, s.operating_system, s.drivers, s.topology_digest, s.agent_version
          FROM attempt a JOIN job j ON j.id = a.job_id LEFT JOIN node_stack s ON s.id = a.stack_id;
        CREATE VIEW v_input AS SELECT a.job_id, a.task, a.number, l.path, r.sha256, r.bytes, l.problem
          FROM link l JOIN attempt a ON a.id = l.attempt_id LEFT JOIN artifact r ON r.id = l.artifact_id
          WHERE l.direction = 'in';
        CREATE VIEW v_output AS SELECT a.job_id, a.task, a.number, l.path, r.sha256, r.bytes, l.problem
          FROM link l JOIN attempt a ON a.id = l.attempt_id LEFT JOIN artifact r ON r.id = l.artifact_id
          WHERE l.direction = 'out';
        CREATE VIEW v_lineage_edge AS SELECT DISTINCT p.job_id AS from_job, c.job_id AS to_job, r.sha256
          FROM link o JOIN attempt p ON p.id = o.attempt_id JOIN artifact r ON r.id = o.artifact_id
          JOIN link i ON i.artifact_id = o.artifact_id AND i.direction = 'in'
          JOIN attempt c ON c.id = i.attempt_id WHERE o.direction = 'out';
        CREATE VIEW v_device_use AS SELECT d.node, d.device, d.kind, d.share, a.job_id, a.task, a.number,
          \(iso("a.started_us")) AS started, \(iso("a.ended_us")) AS ended
          FROM attempt_device d JOIN attempt a ON a.id = d.attempt_id;
        CREATE VIEW v_decision AS SELECT a.job_id, a.task, a.number, \(iso("a.planned_us")) AS planned, a.node,
          json_extract(a.decision, '$.policy') AS policy, json_extract(a.decision, '$.saw') AS saw,
          json_extract(a.decision, '$.nodesConsidered') AS nodes_considered,
          json_extract(a.decision, '$.candidates[1].node') AS runner_up, a.decision FROM attempt a;
        CREATE VIEW v_metric AS SELECT a.job_id, a.task, a.number, \(iso("m.time_us")) AS time, m.name, m.value
          FROM metric m JOIN attempt a ON a.id = m.attempt_id;
        CREATE VIEW v_node AS SELECT n.name, n.state, n.drain, s.kernel, s.operating_system, s.drivers, s.cores,
          s.memory_bytes, s.topology_digest, s.agent_version, \(iso("s.from_us")) AS since
          FROM node n LEFT JOIN node_stack s ON s.node = n.name AND s.to_us IS NULL;
        CREATE VIEW v_event AS SELECT seq, \(iso("time_us")) AS time, kind, job_id, body, lower(hex(hash)) AS hash
          FROM event;

        """

    /// Those that version 2 adds or makes anew.
    static let gangViews = """
        CREATE VIEW v_device_use AS SELECT d.node, d.device, d.kind, d.share, a.job_id, a.task, a.number,
          \(iso("a.started_us")) AS started, \(iso("a.ended_us")) AS ended
          FROM attempt_device d JOIN attempt a ON a.id = d.attempt_id;
        CREATE VIEW v_member AS SELECT a.job_id, a.task, a.number, m.rank, m.node, m.cpuset, m.cores, m.memory_bytes,
          \(iso("m.started_us")) AS started, \(iso("m.ended_us")) AS ended, m.cause, m.exit_code, m.signal, m.message
          FROM attempt_member m JOIN attempt a ON a.id = m.attempt_id;

        """

    /// Microseconds as RFC 3339 text.
    private static func iso(_ column: String) -> String {
        "strftime('%Y-%m-%dT%H:%M:%S', \(column) / 1000000, 'unixepoch') || printf('.%06dZ', \(column) % 1000000)"
    }
}
