import BerthDescription
import BerthModel
import Foundation

/// Reads what a test writes, always at the same place and time.
enum Written {
    static let now = Timestamp(microseconds: 1_790_000_000_000_000)
    static let context = JobDescription.Context(directory: "/home/ada/work", defaultQueue: "batch", now: now)

    static func jobs(_ text: String, file: String = "job.yaml") throws -> [JobDescription] {
        try JobDescription.all(Array(text.utf8), file: file, context)
    }

    static func job(_ text: String, file: String = "job.yaml") throws -> JobSpecification {
        try jobs(text, file: file)[0].specification
    }

    /// A description with `command: [run]` and these further lines.
    static func jobWith(_ lines: String) throws -> JobSpecification { try job("command: [run]\n" + lines + "\n") }

    /// The sentence that a description is refused with; nil where it is read.
    static func refusal(of text: String, file: String = "job.yaml") -> String? {
        refusal(of: Array(text.utf8), file: file)
    }

    static func refusal(of bytes: [UInt8], file: String = "job.yaml") -> String? {
        do {
            _ = try JobDescription.all(bytes, file: file, context)
            return nil
        } catch {
            return error.description
        }
    }

    static func refusalWith(_ lines: String) -> String? { refusal(of: "command: [run]\n" + lines + "\n") }

    /// The job that options make of a command.
    static func options(
        _ set: (inout JobOptions) -> Void, on start: JobSpecification? = nil, variables: [String: String] = [:]
    ) throws -> JobDescription {
        var options = JobOptions()
        set(&options)
        var description = JobDescription(
            start
                ?? JobSpecification(name: "run", command: ["run"], workingDirectory: context.directory, queue: "batch"))
        try options.apply(to: &description, context, variables: variables)
        return description
    }

    static func refusal(ofOptions set: (inout JobOptions) -> Void) -> String? {
        do {
            _ = try options(set)
            return nil
        } catch {
            return (error as? DescriptionError)?.description
        }
    }

    /// What the controller reads of jobs that the command line sends.
    static func sent(_ jobs: [JobDescription], key: String = "key") throws -> [JobDescription] {
        let server = JobDescription.Context(directory: "/", defaultQueue: "batch", now: now)
        return try JobDescription.submission(Array(JobDescription.body(jobs, key: key)), server).jobs
    }

    static func sent(_ job: JobSpecification) throws -> JobSpecification {
        try sent([JobDescription(job)])[0].specification
    }
}
