// swift-tools-version: 6.2
import PackageDescription

let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let collections: [Target.Dependency] = ["HeapModule", "DequeModule"].map {
    .product(name: $0, package: "swift-collections")
}
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let grpcCore: Target.Dependency = .product(name: "GRPCCore", package: "grpc-swift-2")
let grpcProtobuf: Target.Dependency = .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf")
let grpcTransport: Target.Dependency = .product(
    name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport")
let httpClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let nio: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioHTTP: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioFoundation: Target.Dependency = .product(name: "NIOFoundationCompat", package: "swift-nio")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let real: Target.Dependency = .product(name: "RealModule", package: "swift-numerics")
let yaml: Target.Dependency = .product(name: "Yams", package: "Yams")

/// The Swift runtime and Foundation inside the program: it starts in a third of the time and needs nothing installed.
let staticRuntime = LinkerSetting.unsafeFlags(
    ["-static-stdlib", "-Xlinker", "--start-group"]
        + ["CoreFoundation", "_FoundationICU", "_FoundationCollections", "_FoundationCShims"].map { "-l" + $0 }
        + ["-Xlinker", "--end-group", "-lstdc++"])

let package = Package(
    name: "berth",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "berth", targets: ["berth"]),
        .executable(name: "berth-keeper", targets: ["berth-keeper"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-numerics", from: "1.1.1"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.1"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // The core: values and decisions. No files, network, clock, randomness or C; not even Foundation.
        .target(name: "BerthModel", dependencies: [real]),
        .target(name: "BerthPlanner", dependencies: ["BerthModel", real] + collections),
        .target(name: "BerthScheduling", dependencies: ["BerthModel", "BerthPlanner"] + collections),
        .target(name: "BerthSimulation", dependencies: ["BerthModel", "BerthPlanner", "BerthScheduling"]),
        // Traces of workloads, the protocols they are replayed by, and what comes of it.
        .target(
            name: "BerthWorkloads", dependencies: ["BerthModel", "BerthPlanner", "BerthScheduling", real] + collections),
        // The shell: one room for each thing outside. These see the core, not one another.
        .target(
            name: "BerthProtocol", dependencies: ["BerthModel", grpcCore, grpcProtobuf, protobuf],
            exclude: ["berth.proto"]),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CHwloc", pkgConfig: "hwloc", providers: [.apt(["libhwloc-dev"])]),
        .target(name: "BerthTopology", dependencies: ["BerthModel", "CHwloc"]),
        .target(name: "BerthDescription", dependencies: ["BerthModel", "BerthPlanner", "BerthScheduling", yaml]),
        .target(name: "BerthJournal", dependencies: ["BerthModel", "BerthPlanner", "BerthScheduling", grdb, crypto]),
        // The keeper and how an agent talks to it: small, without Foundation.
        .target(name: "CLinux"),
        .target(name: "BerthKeeping", dependencies: ["CLinux"]),
        // How attempts run on a node: as processes under keepers, or only pretended.
        .target(
            name: "BerthExecution", dependencies: ["BerthModel", "BerthKeeping", "CLinux", crypto],
            resources: [.embedInCode("Pools/berth_worker.py")]),
        // What the drivers of GPUs say, through their own libraries where these are installed.
        .target(name: "CDeviceDrivers"),
        .target(name: "BerthDevices", dependencies: ["BerthModel", "CDeviceDrivers"]),
        // What the interfaces say, shared by server and client.
        .target(name: "BerthAPI", dependencies: ["BerthModel", "BerthPlanner"]),
        // The two halves, the faces, and the executables.
        .target(
            name: "BerthController",
            dependencies: [
                "BerthModel", "BerthPlanner", "BerthScheduling", "BerthJournal", "BerthProtocol", crypto, lifecycle,
                logging,
            ]),
        .target(
            name: "BerthAgent",
            dependencies: [
                "BerthModel", "BerthDescription", "BerthTopology", "BerthDevices", "BerthProtocol", "BerthExecution",
                "BerthKeeping", crypto, lifecycle, logging,
            ]),
        .target(
            name: "BerthWeb",
            dependencies: [
                "BerthModel", "BerthPlanner", "BerthScheduling", "BerthAPI", "BerthController", "BerthDescription",
                "BerthJournal", "BerthProtocol",
                hummingbird, logging, nio, nioFoundation, httpTypes,
            ]),
        .executableTarget(
            name: "berth",
            dependencies: [
                "BerthModel", "BerthPlanner", "BerthScheduling", "BerthWorkloads", "BerthDescription", "BerthTopology",
                "BerthJournal", "BerthProtocol", "BerthAPI", "BerthController", "BerthExecution", "BerthAgent",
                "BerthWeb",
                "CLinux", "CZlib",
                arguments, grpcCore, grpcTransport, httpClient, hummingbird, lifecycle, logging, nio, nioFoundation,
                nioHTTP,
            ],
            linkerSettings: [staticRuntime]),
        .executableTarget(
            name: "berth-keeper", dependencies: ["BerthKeeping", "CLinux"],
            linkerSettings: [.unsafeFlags(["-static-executable"])]),
        // Tests, a target for each room, and those that run the programs as a user does.
        .testTarget(name: "BerthModelTests", dependencies: ["BerthModel"]),
        .testTarget(name: "BerthPlannerTests", dependencies: ["BerthModel", "BerthPlanner"]),
        .testTarget(
            name: "BerthWorkloadsTests",
            dependencies: ["BerthModel", "BerthPlanner", "BerthScheduling", "BerthWorkloads"]),
        .testTarget(
            name: "BerthSchedulingTests", dependencies: ["BerthModel", "BerthPlanner", "BerthScheduling"]),
        .testTarget(
            name: "BerthSimulationTests",
            dependencies: ["BerthModel", "BerthPlanner", "BerthScheduling", "BerthSimulation"]),
        .testTarget(
            name: "BerthTopologyTests", dependencies: ["BerthModel", "BerthTopology"], exclude: ["Data"]),
        .testTarget(
            name: "BerthDescriptionTests",
            dependencies: ["BerthModel", "BerthPlanner", "BerthScheduling", "BerthDescription"]),
        .testTarget(
            name: "BerthJournalTests",
            dependencies: [
                "BerthModel", "BerthPlanner", "BerthScheduling", "BerthSimulation", "BerthJournal", grdb,
            ]),
        .testTarget(name: "BerthKeepingTests", dependencies: ["BerthKeeping", "CLinux"]),
        .testTarget(
            name: "BerthExecutionTests", dependencies: ["BerthModel", "BerthKeeping", "BerthExecution"],
            exclude: ["Pools/model_server.py"]),
        .testTarget(name: "BerthDevicesTests", dependencies: ["BerthModel", "BerthDevices"], exclude: ["Data"]),
        .testTarget(name: "BerthProtocolTests", dependencies: ["BerthModel", "BerthProtocol"]),
        .testTarget(name: "BerthControllerTests", dependencies: ["BerthModel", "BerthController", crypto]),
        .testTarget(name: "IntegrationTests"),
    ]
)

for target in package.targets where target.type != .system && !target.name.hasPrefix("C") {
    target.swiftSettings = [
        .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"), .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        .treatAllWarnings(as: .error),
    ]
}
