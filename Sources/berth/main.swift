import ArgumentParser
import AsyncHTTPClient
import Crypto
import GRDB
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GRPCProtobuf
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import SwiftProtobuf
import Yams

print("hello")
