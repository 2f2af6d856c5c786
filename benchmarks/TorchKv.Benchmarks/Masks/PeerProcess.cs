using System.Text.Json;
using TorchKv.Benchmarks.Measuring;

namespace TorchKv.Benchmarks.Masks;

/// <summary>
/// A process that answers requests in JSON. One that ends, hangs or gives an error is replaced before the next request.
/// </summary>
internal sealed class PeerProcess : IDisposable
{
    private static readonly JsonSerializerOptions s_web = new(JsonSerializerDefaults.Web);
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    private readonly string _program;
    private readonly string[] _arguments;
    private LineProcess? _process;

    private PeerProcess(string program, string[] arguments) => (_program, _arguments) = (program, arguments);

    /// <summary>What the process said first.</summary>
    public JsonElement Ready { get; private set; }

    /// <summary>Starts a process; null where it cannot be started.</summary>
    /// <param name="program">The program.</param>
    /// <param name="reason">Why there is none.</param>
    /// <param name="arguments">Its arguments.</param>
    public static PeerProcess? Start(string program, out string reason, params string[] arguments)
    {
        var process = new PeerProcess(program, arguments);
        return process.TryStart(out reason) ? process : null;
    }

    /// <summary>Asks for an answer; an error is one too.</summary>
    public JsonElement Ask(object request)
    {
        if (_process is null && !TryStart(out var reason))
        {
            return Error(reason);
        }

        var process = _process!;
        var line = JsonSerializer.Serialize(request, s_web);
        JsonElement answer;
        try
        {
            var asked = Task.Run(() => process.Ask(line));
            answer = asked.Wait(s_limit) ? asked.Result : Error($"no answer within {s_limit.TotalSeconds} s");
        }
        catch (AggregateException error)
        {
            answer = Error(error.GetBaseException().Message);
        }

        if (answer.TryGetProperty("error", out _))
        {
            // After an error a library that is compiled without exceptions is in no state to go on.
            process.Dispose();
            _process = null;
        }

        return answer;
    }

    /// <inheritdoc/>
    public void Dispose() => _process?.Dispose();

    private bool TryStart(out string reason)
    {
        _process = LineProcess.Start(_program, _arguments, out var ready, out reason);
        Ready = ready;
        return _process is not null;
    }

    private static JsonElement Error(string message) => JsonSerializer.SerializeToElement(new { error = message });
}
