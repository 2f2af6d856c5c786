using TorchKv.Batch.Tests.Support;

[assembly: AssemblyFixture(typeof(Small))]
[assembly: AssemblyFixture(typeof(Postgres))]
