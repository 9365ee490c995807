import BerthKeeping
import BerthModel
import Foundation

extension Slot {
    /// Starts a fork server: a process that imports its modules and is then forked for each job.
    static func forkServer(_ definition: PoolDefinition, key: String, for user: JobUser?, in place: SlotPlace) throws
        -> Slot
    {
        let name = freshName(key)
        var environment = environment(for: user)
        // One thread while it imports: a process with threads cannot be forked safely, and what a library has started
        // stays behind in the parent.
        for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"] { environment[name] = "1" }
        environment["PYTHONPATH"] = place.parent + "/" + name + "/own"
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        return try Slot(
            Identity(pool: definition.name, content: definition.key(user: "")), name: name,
            Launch(
                arguments: definition.command + ["--socket", socket(name, in: place)], environment: environment,
                files: ["berth_worker.py": PackageResources.berth_worker_py], memoryBytes: definition.memoryBytes,
                user: user),
            in: place)
    }

    /// How long a fork server's imports took, in seconds; nil while it still imports.
    var importSeconds: Double? { seconds(in: "/own/s.ready") }

    /// How long a model server took to become ready, as an agent has noted it; nil where it has not been ready.
    var readySeconds: Double? { seconds(in: "/ready") }

    func note(readySeconds: Double) {
        try? replaceFile(directory + "/ready", with: Array("\(readySeconds)\n".utf8), isDurable: false)
    }

    private func seconds(in file: String) -> Double? {
        guard let text = try? readFile(directory + file, limit: 64) else { return nil }
        return Double(String(decoding: text, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
    }
}
