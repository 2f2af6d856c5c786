using System.Globalization;
using System.Net;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Server.Configuration;

/// <summary>
/// How the server runs. Read from the configuration section <c>TorchKv</c>, the environment (<c>TorchKv__Port</c>) and
/// code.
/// </summary>
public sealed class TorchKvServerOptions
{
    /// <summary>The name of the configuration section.</summary>
    public const string Section = "TorchKv";

    private const int MinInternalKey = 16;

    /// <summary>The address to listen on, where <c>urls</c> or Kestrel's endpoints are not configured.</summary>
    public string Host { get; set; } = "127.0.0.1";

    /// <summary>The port to listen on; 0: any that is free.</summary>
    public int Port { get; set; } = 8000;

    /// <summary>
    /// A second port, for routers alone: they may go on with streams that were cut at another replica. 0: any that is
    /// free; null: none.
    /// </summary>
    public int? InternalPort { get; set; }

    /// <summary>
    /// What a router must show, at whatever port; null: a router is known by the internal port. Routers and replicas
    /// have the same one.
    /// </summary>
    public string? InternalKey { get; set; }

    /// <summary>This replica's name in a router's answers and metrics; null: the machine and the process.</summary>
    public string? ReplicaName { get; set; }

    /// <summary><see cref="Host"/> and <see cref="Port"/> as a URL.</summary>
    public string Address => UrlOf(Port);

    /// <summary><see cref="Host"/> and <see cref="InternalPort"/> as a URL; null: there is no such port.</summary>
    internal string? InternalAddress => InternalPort is { } port ? UrlOf(port) : null;

    /// <summary>The model's id in requests and answers; null: its folder's name.</summary>
    public string? ModelName { get; set; }

    /// <summary>Other names that requests may call the model by.</summary>
    public IList<string> ModelAliases { get; set; } = [];

    /// <summary>
    /// transcript, plain, chatml or a template file; null: the model's own, or transcript where it has none.
    /// </summary>
    public string? ChatTemplate { get; set; }

    /// <summary>A file with the keys that may call; null: none.</summary>
    public string? ApiKeyFile { get; set; }

    /// <summary>
    /// A key that may call, in addition to those of <see cref="ApiKeyFile"/>; null: none. Without any key the
    /// server is open.
    /// </summary>
    public string? ApiKey { get; set; }

    /// <summary>
    /// The key that sees the live page; it may call too. Null: the page is shown to loopback connections, and only
    /// where the server has no keys.
    /// </summary>
    public string? AdminKey { get; set; }

    /// <summary>Whether the live page is served at <c>/</c>.</summary>
    public bool Page { get; set; } = true;

    /// <summary>
    /// Whether the live page shows the tokens of prompts and answers, of every caller. Otherwise it shows their number
    /// alone.
    /// </summary>
    public bool PageText { get; set; }

    /// <summary>Whether <c>/metrics</c> needs no key.</summary>
    public bool OpenMetrics { get; set; }

    /// <summary>Origins whose web pages may call (CORS); empty: none.</summary>
    public IList<string> AllowedOrigins { get; set; } = [];

    /// <summary>
    /// Host names that requests may be sent to; <c>*</c>: any. Empty: on a loopback address <c>localhost</c> and
    /// loopback addresses, so that a web page cannot reach the server under a name of its own; elsewhere any.
    /// </summary>
    public IList<string> AllowedHosts { get; set; } = [];

    /// <summary>Requests that a key (without keys: an address) may make each minute; 0: any number.</summary>
    public int RequestsPerMinute { get; set; }

    /// <summary>The largest body, in bytes.</summary>
    public long MaxBodyBytes { get; set; } = 4 << 20;

    /// <summary>The most connections at once.</summary>
    public long MaxConnections { get; set; } = 4096;

    /// <summary>The most choices of one request: its prompts times <c>n</c>.</summary>
    public int MaxChoices { get; set; } = 128;

    /// <summary>The most that one request may ask for: prompts × n × max_tokens × (1 + logprobs).</summary>
    public long MaxWork { get; set; } = 4_000_000;

    /// <summary>The most log-probabilities for each token.</summary>
    public int MaxLogprobs { get; set; } = 20;

    /// <summary>The most stop texts of one request.</summary>
    public int MaxStops { get; set; } = 64;

    /// <summary>The longest stop text, in UTF-16 code units.</summary>
    public int MaxStopLength { get; set; } = 1024;

    /// <summary>
    /// Whether fields that no version of the interface has are refused; otherwise they are named in a header and the
    /// log.
    /// </summary>
    public bool StrictFields { get; set; }

    /// <summary>Time after which a request ends with an error; null: none.</summary>
    public TimeSpan? RequestTimeout { get; set; }

    /// <summary>A stream that says nothing for this long gets a comment, so that proxies keep it open.</summary>
    public TimeSpan KeepAliveInterval { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How long a client may leave what is sent to it unread before it is cut.</summary>
    public TimeSpan SlowReaderTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long running requests may take to finish when the server stops.</summary>
    public TimeSpan ShutdownTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Throws where an option cannot be.</summary>
    /// <exception cref="OptionException">An option is out of its limits.</exception>
    internal void Validate()
    {
        // Kestrel listens on every address where it is given a name that is none of these.
        if (Host is not ("localhost" or "*" or "+") && !IPAddress.TryParse(Host.Trim('[', ']'), out _))
        {
            throw new OptionException("host", Host, "an IP address of this machine, localhost, or * for all of them");
        }

        Check("port", Port, Port is >= 0 and <= 65535, "0 to 65535");
        Check(
            "internal_port",
            InternalPort ?? 0,
            InternalPort is null or 0 || (InternalPort is > 0 and <= 65535 && InternalPort != Port),
            "0 to 65535, and not the port");
        if (InternalKey is { Length: < MinInternalKey })
        {
            throw new OptionException(
                "internal_key", "a key of fewer characters", $"at least {MinInternalKey} characters");
        }

        Check("requests_per_minute", RequestsPerMinute, RequestsPerMinute >= 0, "at least 0 (0: any number)");
        Check("max_body_bytes", MaxBodyBytes, MaxBodyBytes >= 1, "at least 1");
        Check("max_connections", MaxConnections, MaxConnections >= 1, "at least 1");
        Check("max_choices", MaxChoices, MaxChoices >= 1, "at least 1");
        Check("max_work", MaxWork, MaxWork >= 1, "at least 1");
        Check(
            "max_logprobs",
            MaxLogprobs,
            MaxLogprobs is >= 0 and <= GenerationOptions.MaxLogProbs,
            "0 to 100");
        Check(
            "keep_alive_interval",
            KeepAliveInterval.TotalSeconds,
            KeepAliveInterval > TimeSpan.Zero,
            "above 0 seconds");
        Check(
            "slow_reader_timeout",
            SlowReaderTimeout.TotalSeconds,
            SlowReaderTimeout > TimeSpan.Zero,
            "above 0 seconds");
        Check("shutdown_timeout", ShutdownTimeout.TotalSeconds, ShutdownTimeout >= TimeSpan.Zero, "at least 0 seconds");
        Check(
            "request_timeout",
            RequestTimeout?.TotalSeconds ?? 1,
            RequestTimeout is null || RequestTimeout > TimeSpan.Zero,
            "above 0 seconds");
    }

    private string UrlOf(int port)
    {
        var host = Host.Contains(':', StringComparison.Ordinal) && Host[0] != '[' ? $"[{Host}]" : Host;
        return string.Create(CultureInfo.InvariantCulture, $"http://{host}:{port}");
    }

    private static void Check(string name, IFormattable value, bool isValid, string limits)
    {
        if (!isValid)
        {
            throw new OptionException(
                name,
                value.ToString(null, CultureInfo.InvariantCulture),
                limits);
        }
    }
}
