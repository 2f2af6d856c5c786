using System.Diagnostics;

namespace TorchKv.Server.Telemetry;

/// <summary>
/// One HTTP request's generations for OpenTelemetry: a span with its phases as children, and its times.
/// </summary>
/// <remarks>Belongs to one request; not thread-safe.</remarks>
internal sealed class GenerationSpan : IDisposable
{
    private readonly ServerTelemetry _telemetry;
    private readonly TagList _tags;
    private readonly Activity? _activity;
    private readonly DateTime _startedAt;

    /// <summary>Begins the span.</summary>
    /// <param name="telemetry">Where it is recorded.</param>
    /// <param name="operation">chat or text_completion.</param>
    /// <param name="model">The model.</param>
    /// <param name="host">The host that the request was sent to.</param>
    /// <param name="port">Its port; null: not known.</param>
    /// <param name="startedAt">Now.</param>
    public GenerationSpan(
        ServerTelemetry telemetry,
        string operation,
        string model,
        string host,
        int? port,
        DateTime startedAt)
    {
        _telemetry = telemetry;
        _startedAt = startedAt;
        _tags = new TagList
        {
            { GenAi.Operation, operation },
            { GenAi.Provider, GenAi.ProviderName },
            { GenAi.RequestModel, model },
            { GenAi.ResponseModel, model },
            { GenAi.ServerAddress, host },
        };
        if (port is not null)
        {
            _tags.Add(GenAi.ServerPort, port);
        }

        _activity = ServerTelemetry.Source.StartActivity(
            $"{operation} {model}",
            ActivityKind.Internal,
            parentContext: default,
            _tags,
            startTime: startedAt);
    }

    /// <summary>Adds what is known of the request or its answer.</summary>
    public void Tag(string name, object? value) => _activity?.SetTag(name, value);

    /// <summary>Records a first token.</summary>
    /// <param name="seconds">Since the request.</param>
    public void FirstToken(double seconds)
    {
        _telemetry.TimeToFirstToken.Record(seconds, _tags);
        _activity?.AddEvent(new ActivityEvent("first_token", _startedAt.AddSeconds(seconds)));
    }

    /// <summary>Records the phases of a prompt that was answered, in seconds since the request.</summary>
    /// <param name="admitted">When it was admitted; null: not known.</param>
    /// <param name="firstToken">When its first token came.</param>
    /// <param name="end">When its last answer ended.</param>
    public void Phases(double? admitted, double firstToken, double end)
    {
        if (_activity is null)
        {
            return;
        }

        if (admitted is { } at)
        {
            Child("torchkv.queue", 0, at);
        }

        Child("torchkv.prefill", admitted ?? 0, firstToken);
        Child("torchkv.decode", firstToken, end);
    }

    /// <summary>Records the mean time between tokens.</summary>
    public void OutputToken(double seconds) => _telemetry.TimePerOutputToken.Record(seconds, _tags);

    /// <summary>Ends the span.</summary>
    /// <param name="seconds">Since the request.</param>
    /// <param name="error">What went wrong, as a word; null: nothing.</param>
    public void End(double seconds, string? error)
    {
        var tags = _tags;
        if (error is not null)
        {
            tags.Add(GenAi.ErrorType, error);
            _activity?.SetTag(GenAi.ErrorType, error);
            _activity?.SetStatus(ActivityStatusCode.Error);
        }

        _telemetry.RequestDuration.Record(seconds, tags);
        _activity?.SetEndTime(_startedAt.AddSeconds(seconds));
    }

    public void Dispose() => _activity?.Dispose();

    private void Child(string name, double from, double to)
    {
        using var child = ServerTelemetry.Source.StartActivity(
            name,
            ActivityKind.Internal,
            _activity!.Context,
            tags: null,
            links: null,
            _startedAt.AddSeconds(from));
        child?.SetEndTime(_startedAt.AddSeconds(Math.Max(from, to)));
    }
}
