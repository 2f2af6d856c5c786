using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

[assembly: AssemblyFixture(typeof(Storyteller))]
[assembly: AssemblyFixture(typeof(TorchKv.Server.Tests.Support.Browser))]
