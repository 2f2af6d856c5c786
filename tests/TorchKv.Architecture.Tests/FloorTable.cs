namespace TorchKv.Architecture.Tests;

/// <summary>
/// Which namespace may use which. An arrow that is not in the table fails the tests, and so does one that no code uses.
/// docs/architecture.md draws the same picture.
/// </summary>
internal static class FloorTable
{
    // A line without indentation begins an assembly. An indented line is a floor and, after the colon, the floors that it
    // may use. Names are relative to the assembly's namespace, else to TorchKv; "." is the assembly's own namespace.
    private const string Table = """
        TorchKv.Runtime
            Contracts        :
            Contracts.Live   :
            Files            : Contracts
            Model            : Contracts
            Configuration    : Contracts, Files
            Checkpoints      : Contracts, Files, Configuration
            Text             : Contracts, Files
            Sampling         : Contracts
            Paging           : Contracts
            Scheduling       : Contracts, Model, Paging
            Speculation      : Contracts, Model, Sampling, Paging, Scheduling
            Serving.Sessions : Contracts, Files, Model, Paging, Scheduling
            Serving.Live     : Contracts.Live, Paging, Scheduling
            Serving          : Contracts, Contracts.Live, Model, Text, Sampling, Paging, Scheduling, Speculation, Serving.Sessions, Serving.Live
            Cpu.Packing      :
            Cpu.Memory       : Configuration, Cpu.Packing
            Cpu.Kernels      : Configuration, Cpu.Packing, Cpu.Memory
            Cpu.Weights      : Configuration, Checkpoints, Cpu.Packing, Cpu.Memory
            Cpu.Steps        : Contracts, Model, Configuration, Cpu.Packing, Cpu.Memory, Cpu.Kernels
            Cpu.Threads      : Cpu.Steps
            Cpu.Phases       : Configuration, Cpu.Packing, Cpu.Memory, Cpu.Kernels, Cpu.Weights, Cpu.Steps, Cpu.Threads
            Cpu              : Contracts, Model, Configuration, Checkpoints, Cpu.Packing, Cpu.Memory, Cpu.Kernels, Cpu.Weights, Cpu.Steps, Cpu.Threads, Cpu.Phases
            .                : Contracts, Contracts.Live, Files, Model, Text, Paging, Scheduling, Serving, Serving.Sessions, Serving.Live, Cpu
        TorchKv
            Caching : Runtime.Contracts
            Models  : Runtime.Contracts, Runtime.Configuration, Runtime.Sampling, Caching
            Loading : Runtime.Contracts, Runtime.Configuration, Runtime.Checkpoints, Models
            Running : Runtime.Contracts, Runtime.Model, Runtime.Configuration, Runtime.Checkpoints, Runtime.Serving, Runtime, Caching, Models, Loading
        TorchKv.Plotting
            . :
        TorchKv.Cluster
            Routing : Runtime.Contracts, Runtime.Paging
        TorchKv.Simulation
            Replicas : Runtime.Contracts, Runtime.Model, Runtime.Paging, Runtime.Scheduling, Cluster.Routing, Simulation
            .        : Runtime.Contracts, Runtime.Model, Runtime.Paging, Runtime.Scheduling, Runtime.Serving
        TorchKv.Structured
            Automata       : Runtime.Contracts
            Grammars       : Runtime.Contracts, Automata
            Parsing        : Runtime.Contracts, Automata, Grammars
            Masks          : Runtime.Contracts, Automata, Grammars, Parsing
            Matching       : Runtime.Contracts, Runtime.Text, Automata, Grammars, Parsing, Masks
            Contracts      :
            Json.Documents : Runtime.Contracts, Contracts
            Json.Numbers   : Runtime.Contracts, Automata, Json.Documents
            Json.Texts     : Runtime.Contracts, Automata, Json.Documents
            Json.Values    : Runtime.Contracts, Automata, Contracts, Json.Documents, Json.Numbers, Json.Texts
            Json.Keywords  : Runtime.Contracts, Automata, Contracts, Json.Documents, Json.Numbers, Json.Texts, Json.Values
            Json.Writing   : Runtime.Contracts, Automata, Grammars, Contracts, Json.Documents, Json.Numbers, Json.Texts, Json.Values, Json.Keywords
            Json           : Runtime.Contracts, Automata, Grammars, Contracts, Json.Documents, Json.Texts, Json.Values, Json.Keywords, Json.Writing
            .              : Runtime.Contracts, Automata, Grammars, Matching, Contracts, Json
        TorchKv.PortChecking
            Text         :
            Findings     :
            Traces       : Runtime.Contracts, Runtime.Checkpoints, Text
            Mapping      : Traces
            Comparison   : Runtime.Checkpoints, Text, Traces, Mapping
            Diagnosis    : Runtime.Checkpoints, Findings, Traces, Mapping, Comparison
            Report.Words : Text, Findings, Traces, Mapping, Comparison
            Report       : Plotting, Text, Findings, Traces, Mapping, Comparison, Report.Words
            .            : Runtime.Checkpoints, Findings, Traces, Mapping, Comparison, Diagnosis, Report, Report.Words
        TorchKv.Extensions.AI
            Options   : Runtime.Contracts, Structured.Contracts, Structured
            Templates : Runtime.Contracts, Runtime.Text
            Chat      : Runtime.Contracts, Runtime.Text, Options, Templates
            Hosting   : Runtime
            .         : Runtime.Contracts, Runtime.Text, Runtime.Serving, Runtime.Cpu, Runtime, Templates, Chat, Hosting
        TorchKv.Server
            Telemetry     :
            Page          : Runtime.Contracts
            Contracts     : Runtime.Contracts.Live
            Configuration : Runtime.Contracts
            Errors        : Runtime.Contracts, Contracts
            Models        : Runtime.Contracts, Runtime.Text, Extensions.AI.Templates, Errors
            Security      : Runtime.Contracts, Configuration, Errors
            Metrics       : Runtime.Contracts, Runtime.Serving, Runtime, Models, Telemetry
            Live          : Runtime.Contracts, Runtime.Contracts.Live, Runtime.Text, Contracts, Configuration, Errors, Models, Security
            Running       : Configuration, Errors, Models, Security, Metrics
            Resuming      : Runtime.Contracts, Runtime.Sampling, Errors
            Requests      : Runtime.Contracts, Runtime.Text, Structured.Contracts, Structured, Extensions.AI.Options, Extensions.AI.Templates, Contracts, Configuration, Errors, Models, Security, Resuming
            Answers       : Runtime.Contracts, Runtime.Text, Extensions.AI.Templates, Contracts, Configuration, Errors, Models, Metrics, Running, Requests, Resuming, Telemetry
            Internal      : Runtime.Contracts, Errors, Requests, Resuming, Answers, Telemetry
            Reconnecting  : Runtime.Contracts, Contracts, Errors, Models, Security, Running, Requests, Resuming, Internal
            OpenApi       : Contracts, Running
            Endpoints     : Runtime.Contracts, Runtime.Contracts.Live, Runtime.Text, Extensions.AI.Templates, Contracts, Configuration, Errors, Models, Security, Metrics, Running, Requests, Answers, Internal, Reconnecting, Live, Page, OpenApi
            InProcess     : Contracts, Errors, Models, Running, Security, OpenApi, Endpoints
            .             : Reconnecting, Runtime.Contracts, Runtime.Text, Extensions.AI.Templates, Configuration, Models, Security, Metrics, Live, Running, Requests, Answers, Page, OpenApi, Endpoints, Telemetry, InProcess
        TorchKv.Router
            Configuration : Runtime.Contracts
            Discovery     : Runtime.Contracts
            Replicas      : Runtime.Contracts, Runtime.Paging, Cluster.Routing, Server.Internal, Configuration, Discovery
            Metrics       : Cluster.Routing, Server.Internal, Server.Metrics, Replicas
            Forwarding    : Runtime.Contracts, Server.Errors, Server.Internal, Configuration, Replicas
            Resuming      : Runtime.Contracts, Runtime.Sampling, Runtime.Paging, Cluster.Routing, Server.Errors, Server.Internal, Server.Metrics, Server.Resuming, Server.Running, Configuration, Replicas, Metrics, Forwarding
            Logs          : Server.Reconnecting, Server.Resuming, Metrics
            Hosting       : Runtime.Contracts, Runtime.Text, Cluster.Routing, Extensions.AI.Templates, Server, Server.Configuration, Server.Metrics, Server.Models, Server.Reconnecting, Configuration, Discovery, Replicas, Metrics, Forwarding, Resuming, Logs
        TorchKv.Batch
            Configuration : Runtime.Contracts
            Errors        : Runtime.Contracts
            Contracts     :
            Lines         : Server.InProcess
            Local         : Runtime.Files, Server.InProcess, Server.Running, Server.Security, Errors, Lines
            Store         : Errors, Lines
            Work          : Server.Configuration, Server.InProcess, Server.Models, Server.Running, Server.Security, Configuration, Contracts, Lines, Store
            Endpoints     : Server.Answers, Server.Configuration, Server.Errors, Server.InProcess, Server.OpenApi, Server.Requests, Server.Running, Server.Security, Configuration, Contracts, Errors, Store
            .             : Server.OpenApi, Server.Running, Configuration, Store, Work, Endpoints
        TorchKv.Cli
            Terminal    : Runtime.Contracts, Runtime.Serving, Runtime
            CommandLine : Runtime.Contracts, Runtime.Files, Terminal
            Plotting    : Runtime.Serving, TorchKv.Plotting, Simulation
            Models      : Runtime.Contracts, Runtime.Model, Runtime.Configuration, Runtime.Checkpoints, Runtime.Text, Runtime.Sampling, Runtime.Scheduling, Runtime.Serving, Runtime.Serving.Sessions, Runtime.Cpu, Runtime, Caching, TorchKv.Models, Loading, Running, PortChecking, PortChecking.Comparison, PortChecking.Report, PortChecking.Traces, CommandLine, Terminal
            Chat        : Runtime.Contracts, Runtime.Files, Runtime.Text, Runtime.Serving, Runtime.Serving.Sessions, Runtime, Terminal, CommandLine, Models
            Commands    : Runtime.Contracts, Structured.Contracts, Structured, Runtime.Files, Runtime.Model, Runtime.Configuration, Runtime.Checkpoints, Runtime.Text, Runtime.Scheduling, Runtime, Loading, TorchKv.Models, Extensions.AI.Templates, Server, Server.Configuration, Server.Models, Server.Page, Router.Configuration, Router.Hosting, TorchKv.Plotting, Simulation, PortChecking, PortChecking.Comparison, PortChecking.Mapping, PortChecking.Report, PortChecking.Traces, Terminal, CommandLine, Plotting, Models, Chat, Server.InProcess, Batch, Batch.Configuration, Batch.Local, Simulation.Replicas
            .           : Runtime.Contracts, Runtime.Files, Terminal, CommandLine, Commands
        TorchKv.Benchmarks
            Measuring : Runtime.Contracts, Runtime.Files, Runtime.Configuration, Runtime.Checkpoints
            Kernels   : Runtime.Model, Runtime.Configuration, Runtime.Cpu, Runtime.Cpu.Packing, Runtime.Cpu.Memory, Runtime.Cpu.Kernels, Runtime.Cpu.Steps, Runtime.Cpu.Threads, Measuring
            Port      : Runtime.Contracts, Runtime.Files, Runtime.Model, Runtime.Configuration, Runtime.Checkpoints, Caching, TorchKv.Models, Loading, Running, TorchKv.Plotting, Measuring
            Serving   : Runtime.Contracts, Runtime.Files, Runtime.Model, Runtime.Configuration, Runtime.Text, Runtime.Paging, Runtime.Scheduling, Runtime.Serving, Runtime.Cpu, Runtime, Running, Simulation, TorchKv.Plotting, Measuring
            Http      : Runtime.Contracts, Runtime.Files, Runtime.Text, Runtime.Serving, Runtime.Cpu, Runtime, Extensions.AI.Templates, Server, Server.Configuration, Server.Models, Measuring, Serving
            Cluster   : Runtime.Contracts, Runtime.Files, Runtime.Configuration, Runtime.Text, Extensions.AI.Templates, Server, Server.Configuration, Server.Models, Measuring, Serving, Http
            Masks     : Runtime.Contracts, Runtime.Text, Runtime.Serving, Runtime.Cpu, Runtime, Structured.Contracts, Structured, Measuring, Serving
            Batch     : Runtime.Contracts, Runtime.Files, Server.Configuration, TorchKv.Batch.Configuration, TorchKv.Batch.Lines, TorchKv.Batch.Store, TorchKv.Batch.Work, Measuring, Serving
            Peers     : Runtime.Contracts, Runtime.Files, Runtime.Model, Runtime.Configuration, Runtime.Checkpoints, Runtime.Text, Runtime.Cpu, TorchKv.Plotting, Measuring
        """;

    /// <summary>The floors with the floors that each may use, all by full namespace.</summary>
    public static IReadOnlyDictionary<string, IReadOnlySet<string>> Arrows { get; } = Read(Table);

    private static Dictionary<string, IReadOnlySet<string>> Read(string table)
    {
        var lines = new List<(string Assembly, string Floor, string[] Uses)>();
        var assembly = "";
        foreach (var line in table.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!char.IsWhiteSpace(line[0]))
            {
                assembly = line.Trim();
                continue;
            }

            var colon = line.IndexOf(':');
            var floor = line[..colon].Trim();
            var uses = line[(colon + 1)..].Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            lines.Add((assembly, floor == "." ? assembly : $"{assembly}.{floor}", uses));
        }

        var floors = lines.Select(line => line.Floor).ToHashSet();
        return lines.ToDictionary(
            line => line.Floor,
            IReadOnlySet<string> (line) => line.Uses.Select(name => FullName(floors, line.Assembly, name)).ToHashSet());
    }

    private static string FullName(HashSet<string> floors, string assembly, string name)
    {
        string[] candidates = [$"{assembly}.{name}", $"TorchKv.{name}", name];
        return candidates.FirstOrDefault(floors.Contains)
            ?? throw new InvalidDataException($"The table names {name}, which is no floor.");
    }
}
