using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Comparison;

/// <summary>Looks up the keys of a trace.</summary>
internal sealed class KeyIndex
{
    private readonly Dictionary<TraceKey, int> _places = [];
    private readonly Dictionary<(int Step, string Module), int> _lastCalls = [];
    private readonly Dictionary<int, int> _beginnings = [];

    public KeyIndex(RecordedTrace trace)
    {
        for (var i = 0; i < trace.Order.Count; i++)
        {
            var key = trace.Order[i];
            _places[key] = i;
            Steps.Add(key.Step);
            _beginnings.TryAdd(key.Step, i);
            var place = (key.Step, key.Module);
            _lastCalls[place] = Math.Max(key.Call, _lastCalls.GetValueOrDefault(place));
        }
    }

    /// <summary>The steps of the trace.</summary>
    public HashSet<int> Steps { get; } = [];

    public bool Contains(TraceKey key) => _places.ContainsKey(key);

    /// <summary>The key's place in the trace's order.</summary>
    public int Place(TraceKey key) => _places[key];

    /// <summary>The number of outputs before the key in its step.</summary>
    public int PlaceInStep(TraceKey key) => _places[key] - _beginnings[key.Step];

    /// <summary>The number of a module's last call in a step; 1 where there is none.</summary>
    public int LastCall(int step, string module) => _lastCalls.GetValueOrDefault((step, module), 1);
}
