namespace TorchKv.Benchmarks.Port;

/// <summary>One row of the table while it is measured: the same request to both sides, over and over, in turns.</summary>
internal sealed class PortCase(PortRequest request, long? bytesPerStep)
{
    // By session: the answers of PyTorch and of the port.
    private readonly List<(List<PortAnswer> PyTorch, List<PortAnswer> Port)> sessions = [];

    /// <summary>Measures in a session: A B, B A, A B, … after one round that does not count.</summary>
    public void Run(PortProcess? python, PortProcess port, int rounds, int first)
    {
        python?.Ask(request);
        port.Ask(request);
        List<PortAnswer> a = [], b = [];
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

        sessions.Add((a, b));
    }

    public PortRow Row(double limit)
    {
        var port = sessions.SelectMany(session => session.Port).ToList();
        var compared = sessions.Where(session => session.PyTorch.Count > 0).ToList();
        var steps = port.Sum(answer => answer.Ms.Length);
        return new PortRow
        {
            Cache = request.Cache,
            Batch = request.Batch,
            PyTorch = compared.Count == 0 ? null : Mean(compared.Select(session => Rate(session.PyTorch))),
            Port = Mean(sessions.Select(session => Rate(session.Port))),
            PyTorchFirstMs = compared.Count == 0 ? null : Mean(compared.Select(session => Median(session.PyTorch.Select(answer => answer.FirstMs)))),
            PortFirstMs = Mean(sessions.Select(session => Median(session.Port.Select(answer => answer.FirstMs)))),
            BytesPerToken = bytesPerStep,
            Limit = limit,
            ManagedBytesPerToken = (double)port.Sum(answer => answer.ManagedBytes) / steps,
            Gen0 = port.Sum(answer => answer.Gen0),
            SameIds = compared.Count == 0 ? null : compared.All(session => session.PyTorch.All(answer => answer.Ids.SequenceEqual(port[0].Ids))),
        };
    }

    public override string ToString() => $"{request.Cache}, batch {request.Batch}";

    private double Rate(List<PortAnswer> answers) => request.Batch * 1e3 / Median(answers.SelectMany(answer => answer.Ms));

    // Of ratios' factors: geometric, so that the ratio of the means is the mean of the ratios.
    private static double Mean(IEnumerable<double> values) => Math.Exp(values.Average(Math.Log));

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[sorted.Length / 2] + sorted[(sorted.Length - 1) / 2]) / 2;
    }
}
