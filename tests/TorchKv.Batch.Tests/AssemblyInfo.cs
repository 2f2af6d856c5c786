using TorchKv.Batch.Tests.Support;

[assembly: AssemblyFixture(typeof(Small))]
