import BerthPlanner
import FoundationEssentials

/// What is read of a WfFormat 1.5 file.
struct WorkflowRecord: Decodable {
    var schemaVersion: String
    var workflow: Workflow

    struct Workflow: Decodable {
        var specification: Specification
        var execution: Execution
    }

    struct Specification: Decodable {
        var tasks: [Task]

        struct Task: Decodable {
            var id: String
            var parents: [String]
        }
    }

    struct Execution: Decodable {
        var makespanInSeconds: Double
        var tasks: [Task]
        var machines: [Machine]?

        struct Task: Decodable {
            var id: String
            var runtimeInSeconds: Double
            var coreCount: Double?
        }

        struct Machine: Decodable {
            var cpu: CPU?

            struct CPU: Decodable {
                var coreCount: Int?
            }
        }
    }

    init(json: [UInt8]) throws(TraceError) {
        do {
            self = try JSONDecoder().decode(Self.self, from: Data(json))
        } catch {
            throw TraceError("This is not a workflow in WfFormat 1.5: \(error)")
        }
        guard schemaVersion == "1.5" else {
            throw TraceError("The workflow's schemaVersion is \(schemaVersion); 1.5 is read.")
        }
    }

    /// The tasks as a graph's nodes, in the order of the specification.
    func nodes() throws(TraceError) -> [TaskGraph.Node] {
        var indices: [String: Int] = [:]
        for (index, task) in workflow.specification.tasks.enumerated() {
            guard indices.updateValue(index, forKey: task.id) == nil else {
                throw TraceError("Task \(task.id) is there twice; an id is used once.")
            }
        }
        var times: [String: Execution.Task] = [:]
        for task in workflow.execution.tasks { times[task.id] = task }
        var nodes: [TaskGraph.Node] = []
        for task in workflow.specification.tasks {
            guard let run = times[task.id] else {
                throw TraceError("Task \(task.id) has no entry in execution.tasks; its runtimeInSeconds is needed.")
            }
            let cores = run.coreCount ?? 1
            guard cores > 0, cores <= 1_000_000 else {
                throw TraceError("Task \(task.id): coreCount is \(cores); it must be above 0, and at most 1000000.")
            }
            guard run.runtimeInSeconds >= 0, run.runtimeInSeconds <= 1e12 else {
                throw TraceError("Task \(task.id): runtimeInSeconds is \(run.runtimeInSeconds); it must be 0 to 1e12.")
            }
            var predecessors: [Int] = []
            for parent in task.parents {
                guard let index = indices[parent] else {
                    throw TraceError("Task \(task.id) waits for \(parent), which is no task of this workflow.")
                }
                predecessors.append(index)
            }
            nodes.append(
                .init(seconds: run.runtimeInSeconds, cores: Int(cores.rounded(.up)), predecessors: predecessors))
        }
        return nodes
    }

    func machineCores() throws(TraceError) -> [Int] {
        let cores = (workflow.execution.machines ?? []).map { $0.cpu?.coreCount ?? 1 }
        if let wrong = cores.first(where: { !(1...1_000_000).contains($0) }) {
            throw TraceError("A machine has \(wrong) cores; it must have 1 to 1000000.")
        }
        return cores
    }
}
