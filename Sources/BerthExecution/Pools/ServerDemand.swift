import BerthModel

/// What an attempt asks of a pool of model servers, and what its server is started with where there is none.
struct ServerDemand: Sendable {
    var attempt: AttemptID
    var pool: PoolDefinition
    var terms: PoolDefinition.ServerTerms
    var model: ModelReference?
    var user: JobUser?
    /// The attempt's own, on which the server computes for it.
    var cpus: CPUSet
    /// Near its devices, or else near its cores.
    var numaNodes: [Int]
    /// The attempt's own by their names: its server sees these, and nobody else is given them meanwhile.
    var devices: [String]
    /// What shows the server these devices and no others.
    var deviceVariables: [String: String]

    var key: String { pool.key(user: user?.name ?? "", devices: devices) }
    /// Bytes that a further slot takes.
    var memoryBytes: Int64 { pool.memoryBytes }
}

/// How an attempt is served.
struct ServedAttempt: Sendable {
    var use: PoolUse
    /// Where the server is, and what is asked of it.
    var variables: [String: String]
}
