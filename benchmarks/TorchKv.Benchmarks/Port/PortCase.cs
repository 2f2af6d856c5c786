using TorchKv.Benchmarks.Measuring;

namespace TorchKv.Benchmarks.Port;

/// <summary>
/// One row of the table while it is measured: the same request to both sides, over and over, in turns.
/// </summary>
internal sealed class PortCase(TorchRequest request, long? bytesPerStep)
{
    // By session: the answers of PyTorch and of the port.
    private readonly List<(List<TorchAnswer> PyTorch, List<TorchAnswer> Port)> _sessions = [];

    /// <summary>Measures in a session: A B, B A, A B, … after one round that does not count.</summary>
    public void Run(TorchProcess? python, TorchProcess port, int rounds, int first)
    {
        python?.Ask(request);
        port.Ask(request);
        List<TorchAnswer> a = [], b = [];
        for (var round = 0; round < rounds; round++)
        {
            if ((round + first) % 2 == 0 && python is not null)
            {
                a.Add(python.Ask(request));
            }

            b.Add(port.Ask(request));
            if ((round + first) % 2 == 1 && python is not null)
            {
                a.Add(python.Ask(request));
            }
        }

        _sessions.Add((a, b));
    }

    public PortRow Row(double limit)
    {
        var port = _sessions.SelectMany(session => session.Port).ToList();
        var compared = _sessions.Where(session => session.PyTorch.Count > 0).ToList();
        var steps = port.Sum(answer => answer.Ms.Length);
        return new PortRow
        {
            Cache = request.Cache,
            Batch = request.Batch,
            PyTorch = compared.Count == 0 ? null : Mean(compared.Select(session => Rate(session.PyTorch))),
            Port = Mean(_sessions.Select(session => Rate(session.Port))),
            PyTorchFirstMs = compared.Count == 0
                ? null
                : Mean(compared.Select(session => Statistics.Median(session.PyTorch.Select(answer => answer.FirstMs)))),
            PortFirstMs = Mean(
                _sessions.Select(session => Statistics.Median(session.Port.Select(answer => answer.FirstMs)))),
            BytesPerToken = bytesPerStep,
            Limit = limit,
            ManagedBytesPerToken = (double)port.Sum(answer => answer.ManagedBytes) / steps,
            Gen0 = port.Sum(answer => answer.Gen0),
            SameIds = compared.Count == 0
                ? null
                : compared.All(session => session.PyTorch.All(answer => answer.Ids.SequenceEqual(port[0].Ids))),
        };
    }

    public override string ToString() => $"{request.Cache}, batch {request.Batch}";

    private double Rate(List<TorchAnswer> answers) =>
        request.Batch * 1e3 / Statistics.Median(answers.SelectMany(answer => answer.Ms));

    // Of ratios' factors: geometric, so that the ratio of the means is the mean of the ratios.
    private static double Mean(IEnumerable<double> values) => Math.Exp(values.Average(Math.Log));
}
