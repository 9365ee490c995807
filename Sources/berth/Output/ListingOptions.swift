import ArgumentParser

/// What every listing takes.
struct ListingOptions: ParsableArguments {
    @Flag(help: "Print one JSON document.")
    var json = false

    @Option(help: "Print only these columns, comma-separated.")
    var format: String?
}
