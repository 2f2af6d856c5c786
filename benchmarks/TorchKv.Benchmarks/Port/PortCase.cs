using TorchKv.Benchmarks.Measuring;

namespace TorchKv.Benchmarks.Port;

/// <summary>
/// One row of the table while it is measured: the same request to both sides, over and over, in turns.
/// </summary>
internal sealed class PortCase(PortShape shape)
{
    // By session: the answers of PyTorch and of the port.
    private readonly List<(List<TorchAnswer> PyTorch, List<TorchAnswer> Port)> _sessions = [];

    /// <summary>What is measured.</summary>
    public PortShape Shape => shape;

    /// <summary>Measures in a session: A B, B A, A B, … after one round that does not count.</summary>
    /// <param name="python">PyTorch's side; null: there is none.</param>
    /// <param name="port">The port's side.</param>
    /// <param name="rounds">How often each side is asked.</param>
    /// <param name="first">Which side begins; they take turns.</param>
    public void Run(
        Func<TorchRequest, TorchAnswer>? python, Func<TorchRequest, TorchAnswer> port, int rounds, int first)
    {
        var request = new TorchRequest(shape.Cache, shape.Batch, shape.Prompt, shape.New);

        // PyTorch by itself has no paged cache: its best one stands against it.
        var theirs = shape.Cache == "paged" ? request with { Cache = "static" } : request;
        python?.Invoke(theirs);
        port(request);
        List<TorchAnswer> a = [], b = [];
        for (var round = 0; round < rounds; round++)
        {
            if ((round + first) % 2 == 0 && python is not null)
            {
                a.Add(python(theirs));
            }

            b.Add(port(request));
            if ((round + first) % 2 == 1 && python is not null)
            {
                a.Add(python(theirs));
            }
        }

        _sessions.Add((a, b));
    }

    /// <summary>The row: medians of each session, and the mean of the sessions.</summary>
    public PortRow Row(string dtype, PortModel model, PortLimits limits)
    {
        var port = _sessions.SelectMany(session => session.Port).ToList();
        var compared = _sessions.Where(session => session.PyTorch.Count > 0).ToList();
        var steps = port.Sum(answer => answer.Ms.Length);
        return new PortRow
        {
            DType = dtype,
            Shape = shape,
            PyTorch = compared.Count == 0 ? null : Mean(compared.Select(session => Rate(session.PyTorch))),
            Port = Mean(_sessions.Select(session => Rate(session.Port))),
            PyTorchFirstMs = compared.Count == 0 ? null : Mean(compared.Select(session => First(session.PyTorch))),
            PortFirstMs = Mean(_sessions.Select(session => First(session.Port))),
            PrefillOperations = shape.Batch * ModelWork.PrefillOperations(model.Config, shape.Prompt),
            StepOperations = shape.Batch * ModelWork.PrefillOperations(model.Config, Position),
            StepBytes = shape.Cache == "none"
                ? null
                : ModelWork.DecodeBytes(model.Config, Position, shape.Batch, PortModel.Bytes(dtype)),
            Limits = limits,
            ManagedBytesPerToken = (double)port.Sum(answer => answer.ManagedBytes) / Math.Max(1, steps),
            Gen0 = port.Sum(answer => answer.Gen0),
            SameIds = compared.Count == 0
                ? null
                : compared.All(session => session.PyTorch.All(answer => answer.Ids.SequenceEqual(port[0].Ids))),
        };
    }

    public override string ToString() => shape.ToString();

    private int Position => shape.Prompt + (shape.New / 2);

    private double Rate(List<TorchAnswer> answers) =>
        shape.Batch * 1e3 / Statistics.Median(answers.SelectMany(answer => answer.Ms));

    private static double First(List<TorchAnswer> answers) =>
        Statistics.Median(answers.Select(answer => answer.FirstMs));

    // Of ratios' factors: geometric, so that the ratio of the means is the mean of the ratios.
    private static double Mean(IEnumerable<double> values) => Math.Exp(values.Average(Math.Log));
}
