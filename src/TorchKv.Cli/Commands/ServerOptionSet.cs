using System.CommandLine;
using TorchKv.Cli.CommandLine;
using TorchKv.Runtime.Contracts;
using TorchKv.Server.Configuration;

namespace TorchKv.Cli.Commands;

/// <summary>The options of a server. What is not given stays as the configuration has it.</summary>
internal sealed class ServerOptionSet
{
    private const int LongestKeyFile = 4096;

    private readonly Option<string?> _host = Values.Text("--host", "ADDRESS", "the address to listen on (127.0.0.1)");
    private readonly Option<int?> _port = Values.Integer(
        "--port", "N", 0, 65535, "the port to listen on; 0: any that is free (8000)");
    private readonly Option<int?> _internalPort = Values.Integer(
        "--internal-port", "N", 0, 65535, "a second port, for routers alone; 0: any that is free (none)");
    private readonly Option<string?> _internalKeyFile = Values.Text(
        "--internal-key-file", "FILE", "the key that routers and replicas know each other by, in a file of one line");
    private readonly Option<string?> _replicaName = Values.Text(
        "--replica-name", "NAME", "the name in a router's answers and metrics (machine and process)");
    private readonly Option<string?> _modelName = Values.Text(
        "--model-name", "NAME", "the model's id in requests and answers (its folder's name)");
    private readonly Option<string[]> _aliases = Values.Texts(
        "--model-alias", "NAME", "another id that requests may use, gpt-4 for instance; may be repeated");
    private readonly Option<string?> _template = Values.Text(
        "--chat-template",
        "NAME|FILE",
        "transcript, plain, chatml or a JSON file (the model's own, else transcript)");
    private readonly Option<string?> _keyFile = Values.Text(
        "--api-key-file", "FILE", "the keys that may call, one a line: name, key or sha256:HASH");
    private readonly Option<bool> _openMetrics = Values.Flag("--open-metrics", "/metrics needs no key");
    private readonly Option<bool> _noPage = Values.Flag("--no-page", "there is no live page at /");
    private readonly Option<bool> _pageText = Values.Flag(
        "--page-text", "the live page shows the tokens of every caller's prompts and answers");
    private readonly Option<string[]> _hosts = Values.Texts(
        "--allow-host", "NAME", "a Host header to answer to, * for any; may be repeated");
    private readonly Option<string[]> _origins = Values.Texts(
        "--allow-origin", "URL", "an origin whose web pages may call; may be repeated");
    private readonly Option<int?> _perMinute = Values.Integer(
        "--requests-per-minute", "N", 0, 1 << 30, "of each key, or address; 0: any number (0)");
    private readonly Option<long?> _body = Values.Bytes("--max-body", "the largest body (4MiB)");
    private readonly Option<int?> _connections = Values.Integer(
        "--max-connections", "N", 1, 1 << 24, "connections at once (4096)");
    private readonly Option<float?> _requestTimeout = Seconds("--request-timeout", "a request's longest time (none)");
    private readonly Option<float?> _shutdownTimeout = Seconds(
        "--shutdown-timeout", "how long running requests may take to finish when the server stops (30)");
    private readonly Option<bool> _strict = Values.Flag(
        "--strict-fields", "refuses fields that no version of the interface has");

    public IReadOnlyList<Option> Address => [_host, _port];

    public IReadOnlyList<Option> Internal => [_internalPort, _internalKeyFile, _replicaName];

    public IReadOnlyList<Option> Naming => [_modelName, _aliases, _template];

    public IReadOnlyList<Option> Access => [_keyFile, _openMetrics, _hosts, _origins, _noPage, _pageText];

    public IReadOnlyList<Option> Limits =>
        [_perMinute, _body, _connections, _requestTimeout, _shutdownTimeout, _strict];

    /// <summary>What a request's body may be, for a command without HTTP.</summary>
    public IReadOnlyList<Option> Body => [_body, _strict];

    /// <summary>Whether the command line says where to listen.</summary>
    public bool HasAddress(ParseResult parsed) =>
        parsed.GetValue(_host) is not null || parsed.GetValue(_port) is not null;

    /// <summary>Puts what was given in place of what the configuration has.</summary>
    public void Apply(ParseResult parsed, TorchKvServerOptions options)
    {
        options.Host = parsed.GetValue(_host) ?? options.Host;
        options.Port = parsed.GetValue(_port) ?? options.Port;
        options.InternalPort = parsed.GetValue(_internalPort) ?? options.InternalPort;
        options.InternalKey = InternalKey(parsed) ?? options.InternalKey;
        options.ReplicaName = parsed.GetValue(_replicaName) ?? options.ReplicaName;
        options.ModelName = parsed.GetValue(_modelName) ?? options.ModelName;
        options.ChatTemplate = parsed.GetValue(_template) ?? options.ChatTemplate;
        options.ApiKeyFile = parsed.GetValue(_keyFile) ?? options.ApiKeyFile;
        options.OpenMetrics |= parsed.GetValue(_openMetrics);
        options.Page &= !parsed.GetValue(_noPage);
        options.PageText |= parsed.GetValue(_pageText);
        options.StrictFields |= parsed.GetValue(_strict);
        options.RequestsPerMinute = parsed.GetValue(_perMinute) ?? options.RequestsPerMinute;
        options.MaxBodyBytes = parsed.GetValue(_body) ?? options.MaxBodyBytes;
        options.MaxConnections = parsed.GetValue(_connections) ?? options.MaxConnections;
        options.RequestTimeout = Time(parsed, _requestTimeout) ?? options.RequestTimeout;
        options.ShutdownTimeout = Time(parsed, _shutdownTimeout) ?? options.ShutdownTimeout;
        options.ModelAliases = Texts(parsed, _aliases) ?? options.ModelAliases;
        options.AllowedHosts = Texts(parsed, _hosts) ?? options.AllowedHosts;
        options.AllowedOrigins = Texts(parsed, _origins) ?? options.AllowedOrigins;
    }

    /// <summary>A key on a command line could be read by other users, so it comes in a file.</summary>
    private string? InternalKey(ParseResult parsed)
    {
        switch (parsed.GetValue(_internalKeyFile))
        {
            case null:
                return null;
            case "":
                throw new UsageException("--internal-key-file: '' is no file.");
            case { } file:
                return ReadKey(file) is { Length: > 0 } key ? key : throw new RequestException($"{file} has no key.");
        }
    }

    private static string ReadKey(string file)
    {
        try
        {
            using var reader = new StreamReader(file);
            var text = new char[LongestKeyFile + 1];
            var length = reader.ReadBlock(text);
            return length <= LongestKeyFile
                ? new string(text, 0, length).Trim()
                : throw new RequestException($"{file} has more than {LongestKeyFile} characters, so it is no key.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new RequestException($"The file of the internal key cannot be read: {e.Message}");
        }
    }

    private static Option<float?> Seconds(string name, string description) => Values.Real(
        name, "SECONDS", "above 0, at most 1000000", value => value is > 0 and <= 1e6f, description);

    private static TimeSpan? Time(ParseResult parsed, Option<float?> option) =>
        parsed.GetValue(option) is { } seconds ? TimeSpan.FromSeconds(seconds) : null;

    private static string[]? Texts(ParseResult parsed, Option<string[]> option) =>
        parsed.GetValue(option) is { Length: > 0 } texts ? texts : null;
}
